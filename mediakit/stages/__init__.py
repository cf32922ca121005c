"""The five stages of a journey: look, judge, plan, act, prove. A stage imports earlier ones only."""
