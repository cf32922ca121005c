"""The rules that a received medium is judged by. Pure: a survey in, findings out."""
