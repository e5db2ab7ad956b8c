"""What the pages for people share: who visits, what they post, and the headers that keep a page to itself."""
