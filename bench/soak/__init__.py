"""A compressed day of the cleanroom behind one guard, watched for what grows and what is lost."""
