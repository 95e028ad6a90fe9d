//! Which tiles to hold, without Bevy
