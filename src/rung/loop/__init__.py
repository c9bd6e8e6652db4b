"""After a winner is served: traffic becomes examples, winners are swapped, drift is seen."""
