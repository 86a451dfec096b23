"""The rules of a lesson's anatomy, one function each; `anatomy.RULES` collects them."""
