"""The large networks of the course, a file each; ``tinygrad_edu.models`` exports them."""
