"""Teachers: they answer questions, rephrase them and invent new ones.

Models (:class:`crossover.teachers.local.LocalTeacher`) and servers (:class:`crossover.teachers.endpoint.Endpoint`) are
imported from their own modules, since what they stand on takes seconds to load.
"""

from crossover.teachers.base import Kind, Remote, Reply, Request, Teacher
from crossover.teachers.oracle import Oracle

__all__ = ["Kind", "Oracle", "Remote", "Reply", "Request", "Teacher"]
