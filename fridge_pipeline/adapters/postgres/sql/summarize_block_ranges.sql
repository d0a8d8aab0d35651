-- What was loaded since the last vacuum is in no block range yet, and would be read whenever any file is looked for.
select fridge.summarize_block_ranges() as block_ranges;
