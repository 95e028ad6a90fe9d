//! An overlay's legend: which classes it speaks of, and which colour a value's byte has.

use crate::style::parse_colour;
use citytwin_model::ClassNo;
use citytwin_wire::overlay::{self, NO_DATA};

/// An overlay that is switched on.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    pub id: String,
    table: Box<[Option<[u8; 3]>; 256]>,
    classes: Vec<ClassNo>,
    /// Everything else steps back.
    pub mutes: bool,
}

impl Overlay {
    /// Later steps win where two overlap. A step of only the byte 255 is the colour of "no data"; a range that merely
    /// reaches it does not make a value of it.
    pub fn new(id: &str, steps: Vec<(u8, u8, [u8; 3])>, classes: Vec<ClassNo>) -> Self {
        let mut table = Box::new([None; 256]);
        for (from, to, colour) in steps {
            let to = if from < NO_DATA { to.min(NO_DATA - 1) } else { to };
            (from..=to).for_each(|byte| table[usize::from(byte)] = Some(colour));
        }
        Self { id: id.to_owned(), table, classes, mutes: true }
    }

    /// `None` when a colour cannot be read: a legend half right would lie.
    pub fn from_info(info: &overlay::Overlay, classes: Vec<ClassNo>) -> Option<Self> {
        let steps = info.legend.iter().map(|e| Some((e.byte_from, e.byte_to, parse_colour(&e.colour)?))).collect::<Option<Vec<_>>>()?;
        Some(Self::new(&info.id, steps, classes))
    }

    pub fn says(&self, class: ClassNo) -> bool {
        self.classes.contains(&class)
    }

    /// `None` for no data, and for a byte that the legend does not name.
    pub fn colour(&self, byte: u8) -> Option<[u8; 3]> {
        self.table[usize::from(byte)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_colours_its_bytes_and_no_others() {
        let info: overlay::Overlay = serde_json::from_str(
            r##"{"id":"risk","label":{"zh":"风险","en":"Risk"},"classes":["water_pipe"],"revision":1,"simulated":true,"legend":[
                {"byte_from":0,"byte_to":99,"colour":"#00ff00","label":{"zh":"低","en":"low"}},
                {"byte_from":200,"byte_to":255,"colour":"#ff0000","label":{"zh":"高","en":"high"}}]}"##,
        )
        .unwrap();
        let overlay = Overlay::from_info(&info, vec![ClassNo(40)]).unwrap();
        assert_eq!(overlay.colour(0), Some([0, 255, 0]));
        assert_eq!(overlay.colour(99), Some([0, 255, 0]));
        assert_eq!(overlay.colour(100), None);
        assert_eq!(overlay.colour(254), Some([255, 0, 0]));
        assert_eq!(overlay.colour(255), None, "no data is no value");
        let grey = Overlay::new("risk", vec![(0, 254, [1, 1, 1]), (255, 255, [9, 9, 9])], vec![]);
        assert_eq!((grey.colour(254), grey.colour(255)), (Some([1, 1, 1]), Some([9, 9, 9])));
        assert!(overlay.says(ClassNo(40)) && !overlay.says(ClassNo(1)));
    }

    #[test]
    fn a_legend_with_an_unreadable_colour_is_not_used() {
        let text = r#"{"id":"x","label":{"zh":"","en":""},"classes":[],"revision":null,"simulated":false,
            "legend":[{"byte_from":0,"byte_to":1,"colour":"red","label":{"zh":"","en":""}}]}"#;
        let info: overlay::Overlay = serde_json::from_str(text).unwrap();
        assert!(Overlay::from_info(&info, vec![]).is_none());
    }
}
