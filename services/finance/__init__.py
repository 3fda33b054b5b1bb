"""Finance: figures over the projections, and the events behind them."""
