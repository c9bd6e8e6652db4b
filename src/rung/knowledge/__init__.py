"""What a model is given to know: documents cut, searched, handed over and cited."""
