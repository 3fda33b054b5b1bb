"""The generated demo network: invented members, suppliers and agreements, put through the real commands."""
