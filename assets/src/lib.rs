//! Messages in two languages, map styles, icons
