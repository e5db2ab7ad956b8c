"""What the pages for people share, in intake and the aggregator: who visits (`visitor`), what they post (`posted`,
`same_site`), signing in and out (`signing`), how a page is written (`rendering`, `templates`), and errors as pages
(`browser_errors`). Each service has its own templates, words and cookie."""
