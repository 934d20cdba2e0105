"""What people hold in their hands: an audience under its own ids, its environments, values of policies, explanations.

`recaudience` exports what is public of it; nothing is imported here, so that registering the environment stays light.
"""
