"""The diffusion of the residual: noise levels, samplers, noise, and limits of what is predicted."""
