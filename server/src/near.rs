//! What a mistyped class could have meant.

use citytwin_model::Class;
use std::sync::Arc;

/// No more are named: a list of all classes answers nothing.
const MOST: usize = 5;

/// Ids of classes that are spelt much like `name` or contain it, the likest first; letter case does not count.
pub fn nearest(name: &str, classes: &[Arc<Class>]) -> Vec<String> {
    let said = name.to_lowercase();
    // A slip for every three letters, and one more.
    let allowed = said.chars().count() / 3 + 1;
    let mut near: Vec<(usize, &str)> = Vec::new();
    for class in classes {
        let names = [&class.id, &class.label.zh, &class.label.en].map(|name| name.to_lowercase());
        let held = names.iter().any(|name| !said.is_empty() && (name.contains(&said) || said.contains(name.as_str())));
        let slips = names.iter().map(|name| distance(&said, name)).min().unwrap_or(usize::MAX);
        if held || slips <= allowed && slips < said.chars().count() {
            near.push((slips, &class.id));
        }
    }
    near.sort();
    near.into_iter().take(MOST).map(|(_, id)| id.to_owned()).collect()
}

/// Letters to add, take away or change, from one word to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use citytwin_catalogue::Catalogue;

    #[test]
    fn a_slip_finds_the_class_and_nonsense_finds_none() {
        let near = |name: &str| nearest(name, &Catalogue::builtin().classes);
        for slip in ["hydrnt", "Hydrant", "hydrants", "hydratn"] {
            assert_eq!(near(slip).first().map(String::as_str), Some("hydrant"), "{slip}: {:?}", near(slip));
        }
        assert_eq!(near("消火栓").first().map(String::as_str), Some("hydrant"));
        assert!(near("pipe").iter().all(|id| id.contains("pipe")) && near("pipe").len() == MOST, "{:?}", near("pipe"));
        assert!(near("xyzzyxyzzy").is_empty() && near("").is_empty());
    }

    #[test]
    fn the_distance_is_the_published_one() {
        for (a, b, wanted) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "abc", 0), ("flaw", "lawn", 2)] {
            assert_eq!((distance(a, b), distance(b, a)), (wanted, wanted), "{a} {b}");
        }
    }
}
