"""The documents page: whole documents summarized or asked, with citations that open the source passage."""
