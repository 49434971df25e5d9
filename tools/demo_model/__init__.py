"""How the bundled demo model is made: text generator, tokenizer, training, evaluation. Not part of the installed package."""
