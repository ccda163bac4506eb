"""Teachers: they answer questions, rephrase them and invent new ones."""

from crossover.teachers.base import Kind, Reply, Request, Teacher
from crossover.teachers.local import Local
from crossover.teachers.oracle import Oracle

__all__ = ["Kind", "Local", "Oracle", "Reply", "Request", "Teacher"]
