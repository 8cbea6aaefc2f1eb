"""Other job engines, each a small program at its best documented settings; what is not installed is skipped.

The Python ones come with `pip install --require-hashes -r requirements/bench.txt`, BullMQ with
`npm install --prefix benchmarks/data/node bullmq@6 ioredis@6` (a folder that git ignores).
"""
