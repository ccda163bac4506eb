"""Teachers: they answer questions, rephrase them and invent new ones."""

from crossover.teachers.base import Kind, Remote, Reply, Request, Teacher
from crossover.teachers.endpoint import Endpoint
from crossover.teachers.local import Local
from crossover.teachers.oracle import Oracle

__all__ = ["Endpoint", "Kind", "Local", "Oracle", "Remote", "Reply", "Request", "Teacher"]
