"""SASRec, the sequence model: its network, training and tuning."""
