"""What a picture, or a set of pictures, is measured with. `catalog` names all metrics and makes those asked for."""
