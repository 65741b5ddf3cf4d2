"""The quiz: a graph with numbers or shapes left out, on a page that tells mistakes apart, and on paper."""

from viz.quizzes.asking import Quiz, quiz
from viz.quizzes.questions import Question

__all__ = ["Question", "Quiz", "quiz"]
