"""The rules of the house: free of Airflow, of SDKs and of I/O."""
