"""Where rows come from: files on disk or at a URI, queries of databases, tables of lakes."""
