//! What the reader wants to see. Panels, keys and links write it; the rooms read it.

use crate::camera::Looking;
use crate::city::City;
use bevy::prelude::*;
use citytwin_assets::Lang;
use citytwin_assets::scene::scene;
use citytwin_model::class::Group;
use citytwin_wire::link::Link;
use std::collections::HashSet;

#[derive(Resource, Clone, Debug)]
pub struct Wish {
    pub lang: Lang,
    /// See through the ground, and let the eye below it.
    pub underground: bool,
    pub overlay: Option<String>,
    pub hidden: HashSet<Group>,
    pub shadows: bool,
    pub labels: bool,
    /// No flashing: for readers who ask for it, and for pictures that must come out alike.
    pub still: bool,
    /// A picture of ids instead of colours: for tests.
    pub ids: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            lang: Lang::default(),
            underground: false,
            overlay: None,
            hidden: HashSet::new(),
            shadows: true,
            labels: true,
            still: false,
            ids: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opacities {
    pub ground: f32,
    pub buildings: f32,
}

impl Wish {
    pub fn from_link(link: &Link) -> Self {
        let mut wish = Self { underground: link.underground, overlay: link.overlay.clone(), ..Self::default() };
        if let Some(layers) = &link.layers {
            wish.hidden = Group::ALL.into_iter().filter(|group| !layers.iter().any(|l| l == group.id())).collect();
        }
        if let Some(lang) = link.lang.as_deref().and_then(Lang::of_tag) {
            wish.lang = lang;
        }
        wish
    }

    pub fn write_link(&self, link: &mut Link) {
        link.overlay = self.overlay.clone();
        link.underground = self.underground;
        link.layers = (!self.hidden.is_empty())
            .then(|| Group::ALL.into_iter().filter(|g| !self.hidden.contains(g)).map(|g| g.id().to_owned()).collect());
        link.lang = Some(self.lang.tag().to_owned());
    }

    pub fn shows(&self, group: Group) -> bool {
        !self.hidden.contains(&group)
    }

    /// Is the ground see-through now? Asked for, or the eye is below it, or the overlay speaks of pipes.
    pub fn underground(&self, city: &City, looking: &Looking) -> bool {
        let buried = |id: &String| city.overlay(id).is_some_and(|overlay| city.overlay_is_buried(overlay));
        self.underground || looking.below_ground || self.overlay.as_ref().is_some_and(buried)
    }

    pub fn opacities(&self, underground: bool) -> Opacities {
        match underground {
            true => Opacities { ground: scene().underground.ground_opacity, buildings: scene().underground.building_opacity },
            false => Opacities { ground: 1.0, buildings: 1.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_layers_overlay_and_language() {
        let link = Link::parse("overlay=risk&layers=ground,net_water&underground=1&lang=en");
        let wish = Wish::from_link(&link);
        assert!(wish.shows(Group::NetWater) && !wish.shows(Group::Buildings) && wish.underground);
        let mut again = Link::default();
        wish.write_link(&mut again);
        assert_eq!(again, link);
        assert!(Wish::from_link(&Link::default()).shows(Group::Buildings), "all where the link names none");
    }
}
