"""VVC: streams decoded by programs that run beside this one, and what their headers and logs say of the pictures."""
