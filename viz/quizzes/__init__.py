"""The quiz: a graph with numbers or shapes left out, on a page that tells mistakes apart, and on paper."""

from viz.quizzes.questions import Question
from viz.quizzes.quiz import Quiz, quiz

__all__ = ["Question", "Quiz", "quiz"]
