//! What each feature looks like now, without Bevy
