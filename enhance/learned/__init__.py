"""A learned base codec: a mean and scale hyperprior with a gain per rate, added like any other package's codec."""
