//! Every relative link of every README leads somewhere.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

#[test]
fn links_of_readmes_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the workspace");
    let mut pages = vec![];
    find_pages(root, &mut pages);
    assert!(pages.contains(&root.join("README.md")));
    let mut dead = vec![];
    let mut links = 0;
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page");
        for target in targets(&text) {
            links += 1;
            let path = page.parent().expect("a folder").join(target.split('#').next().unwrap_or_default());
            if !path.exists() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(links > 5, "only {links} links found");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// What stands between `](` and `)`, where it is a file.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    ends.filter(|target| !target.contains("://") && !target.starts_with('#'))
}

fn find_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    let entries = match fs::read_dir(folder) {
        // A build beside the test takes folders away that it has made.
        Err(gone) if gone.kind() == ErrorKind::NotFound => return,
        entries => entries.expect("a folder"),
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", "node_modules", ".git", "dist"].iter().any(|skipped| name == *skipped) {
            find_pages(&path, pages);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
}
