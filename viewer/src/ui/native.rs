//! The panels in egui, with a Chinese font found on this machine, and the labels over the scene.

use super::{Asked, Command, Model};
use crate::camera::Looking;
use crate::labels::{Labels, Placed, Style};
use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, Color32, FontFamily, FontId, RichText, Vec2};
use bevy_egui::{EguiContexts, EguiGlobalSettings, EguiPlugin, EguiPrimaryContextPass};
use citytwin_assets::Lang;
use std::path::PathBuf;
use std::sync::Arc;

pub struct NativeUiPlugin;

impl Plugin for NativeUiPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(EguiPlugin::default())
            .insert_resource(EguiGlobalSettings { auto_create_primary_context: false, ..EguiGlobalSettings::default() })
            .init_resource::<Panels>()
            .add_systems(EguiPrimaryContextPass, (dress, labels, panels).chain());
    }
}

/// Whether panels are drawn at all: a picture for a report has none.
#[derive(Resource)]
pub struct Panels {
    pub shown: bool,
    search: String,
    dressed: bool,
}

impl Default for Panels {
    fn default() -> Self {
        Self { shown: true, search: String::new(), dressed: false }
    }
}

/// Where Debian, Fedora, Arch and Windows keep fonts that hold simplified Chinese; the number is the face in a collection.
const FONTS: [(&str, u32); 8] = [
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf", 0),
    ("C:/Windows/Fonts/msyh.ttc", 0),
    ("/System/Library/Fonts/PingFang.ttc", 0),
];

/// The font to draw Chinese with: `CITYTWIN_FONT`, else the first of the known places.
pub fn find_font() -> Result<(PathBuf, u32), String> {
    if let Some(own) = std::env::var_os("CITYTWIN_FONT") {
        let path = PathBuf::from(own);
        return if path.is_file() {
            Ok((path, 0))
        } else {
            Err(citytwin_assets::say(Lang::En, "viewer.font_not_there", &[("path", &path.display())]))
        };
    }
    FONTS
        .iter()
        .map(|(path, face)| (PathBuf::from(path), *face))
        .find(|(path, _)| path.is_file())
        .ok_or_else(|| citytwin_assets::say(Lang::En, "viewer.no_font", &[]))
}

/// Fonts and colours, once the context is there.
fn dress(mut contexts: EguiContexts, mut panels: ResMut<Panels>, mut exit: MessageWriter<AppExit>) {
    if panels.dressed {
        return;
    }
    let Ok(context) = contexts.ctx_mut() else { return };
    let (path, face) = match find_font() {
        Ok(found) => found,
        Err(why) => {
            error!("{why}");
            exit.write(AppExit::from_code(2));
            panels.dressed = true;
            return;
        }
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let mut data = egui::FontData::from_owned(bytes);
            data.index = face;
            let mut fonts = egui::FontDefinitions::empty();
            fonts.font_data.insert("han".to_owned(), Arc::new(data));
            // Both families, or monospaced text would be boxes.
            for family in [FontFamily::Proportional, FontFamily::Monospace] {
                fonts.families.entry(family).or_default().insert(0, "han".to_owned());
            }
            context.set_fonts(fonts);
        }
        Err(why) => {
            error!("{}: {why}", path.display());
            exit.write(AppExit::from_code(2));
        }
    }
    let mut visuals = egui::Visuals::light();
    visuals.window_fill = Color32::from_rgba_unmultiplied(250, 251, 252, 236);
    visuals.panel_fill = visuals.window_fill;
    visuals.window_stroke = egui::Stroke::new(1.0, Color32::from_rgba_unmultiplied(20, 30, 45, 36));
    visuals.selection.bg_fill = Color32::from_rgb(0, 128, 190);
    context.set_visuals(visuals);
    panels.dressed = true;
}

/// Drawn with an outline, so that they are read over light and dark alike.
fn labels(mut contexts: EguiContexts, labels: Res<Labels>, panels: Res<Panels>) {
    let Ok(context) = contexts.ctx_mut() else { return };
    if !panels.dressed {
        return;
    }
    let painter = context.layer_painter(egui::LayerId::background());
    for label in &labels.placed {
        draw_label(&painter, label);
    }
}

fn draw_label(painter: &egui::Painter, label: &Placed) {
    let alarm = label.style == Style::Alarm;
    let size = if alarm { 14.0 } else { 13.0 };
    let at = egui::pos2(label.x, label.y - 6.0);
    let [r, g, b] = label.colour;
    let fade = |c: Color32| c.gamma_multiply(label.opacity);
    let ink = if alarm { Color32::WHITE } else { Color32::from_rgb(r, g, b) };
    let galley = painter.layout_no_wrap(label.text.clone(), FontId::proportional(size), fade(ink));
    let rect = Align2::CENTER_BOTTOM.anchor_size(at, galley.size());
    if alarm {
        let plate = rect.expand2(Vec2::new(8.0, 3.0));
        painter.rect_filled(plate, 4.0, fade(Color32::from_rgb(r, g, b)));
        painter.line_segment(
            [plate.center_bottom(), egui::pos2(label.x, label.y + 6.0)],
            egui::Stroke::new(2.0, fade(Color32::from_rgb(r, g, b))),
        );
        painter.circle_filled(egui::pos2(label.x, label.y + 6.0), 3.5, fade(Color32::from_rgb(r, g, b)));
    } else {
        let halo = painter.layout_no_wrap(label.text.clone(), FontId::proportional(size), fade(Color32::from_white_alpha(210)));
        for (x, y) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)] {
            painter.galley(rect.min + Vec2::new(x, y) * 1.2, halo.clone(), Color32::WHITE);
        }
    }
    painter.galley(rect.min, galley, Color32::WHITE);
}

fn panels(
    mut contexts: EguiContexts,
    model: Res<Model>,
    mut commands: ResMut<Asked>,
    mut panels: ResMut<Panels>,
    mut looking: ResMut<Looking>,
) {
    let Ok(context) = contexts.ctx_mut() else { return };
    if !panels.shown || !panels.dressed {
        return;
    }
    let word = |key: &str| model.words.get(key).cloned().unwrap_or_default();
    let mut ask: Vec<Command> = Vec::new();
    let window = |title: String| egui::Window::new(title).resizable(false).collapsible(true);

    window(if model.city.is_empty() { "CityTwin".to_owned() } else { model.city.clone() })
        .id(egui::Id::new("main"))
        .anchor(Align2::LEFT_TOP, [12.0, 12.0])
        .default_width(230.0)
        .show(context, |ui| {
            if model.simulated {
                ui.label(RichText::new(word("simulated")).color(Color32::from_rgb(150, 92, 0)).strong());
            }
            ui.horizontal(|ui| {
                let field = ui.add(egui::TextEdit::singleline(&mut panels.search).hint_text(word("search")).desired_width(160.0));
                if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                    ask.push(Command::Search { text: panels.search.clone() });
                }
                let other = if model.lang == "zh" { ("en", "EN") } else { ("zh", "中") };
                if ui.button(other.1).clicked() {
                    ask.push(Command::Lang { lang: other.0.to_owned() });
                }
            });
            if let Some(found) = &model.found {
                if found.is_empty() {
                    ui.label(word("nothing_found"));
                }
                for one in found.iter().take(8) {
                    if ui.selectable_label(false, format!("{} · {}", one.label, one.class)).clicked() {
                        ask.push(Command::Select { id: Some(one.id.clone()) });
                    }
                }
            }
            ui.separator();
            ui.horizontal(|ui| {
                for (key, command) in [("home", Command::Home), ("north", Command::North)] {
                    if ui.button(word(key)).clicked() {
                        ask.push(command);
                    }
                }
            });
            let mut toggle = |ui: &mut egui::Ui, label: String, on: bool, make: &dyn Fn(bool) -> Command| {
                let mut now = on;
                if ui.checkbox(&mut now, label).changed() {
                    ask.push(make(now));
                }
            };
            toggle(ui, word("underground"), model.underground, &|on| Command::Underground { on });
            toggle(ui, word("labels"), model.labels, &|on| Command::Labels { on });
            toggle(ui, word("shadows"), model.shadows, &|on| Command::Shadows { on });
            ui.separator();
            ui.label(RichText::new(word("layers")).strong());
            for layer in &model.layers {
                let id = layer.id.to_owned();
                toggle(ui, format!("{}  {}", layer.label, layer.count), layer.on, &|on| Command::Layer { id: id.clone(), on });
            }
            ui.separator();
            ui.label(RichText::new(word("overlays")).strong());
            if ui.radio(model.overlay.is_none(), word("none")).clicked() {
                ask.push(Command::Overlay { id: None });
            }
            for overlay in &model.overlays {
                let label = if overlay.computing { format!("{} ({})", overlay.label, word("computing")) } else { overlay.label.clone() };
                let on = model.overlay.as_deref() == Some(&overlay.id);
                if ui.radio(on, label).clicked() {
                    ask.push(Command::Overlay { id: Some(overlay.id.clone()) });
                }
                if on {
                    for (colour, text) in &overlay.legend {
                        ui.horizontal(|ui| {
                            ui.add_space(18.0);
                            let (rect, _) = ui.allocate_exact_size(Vec2::new(14.0, 12.0), egui::Sense::hover());
                            ui.painter().rect_filled(rect, 2.0, Color32::from_hex(colour).unwrap_or(Color32::GRAY));
                            ui.label(text);
                        });
                    }
                }
            }
        });

    if let Some(panel) = &model.panel {
        let mut open = true;
        window(panel.title.clone())
            .id(egui::Id::new("feature"))
            .open(&mut open)
            .anchor(Align2::RIGHT_TOP, [-12.0, 12.0])
            .default_width(280.0)
            .show(context, |ui| {
                ui.label(RichText::new(format!("{} · {}", panel.class, panel.id)).weak());
                if let Some(alarm) = &panel.alarm {
                    ui.horizontal(|ui| {
                        ui.label(RichText::new(&alarm.text).color(Color32::from_rgb(200, 20, 30)).strong());
                        if alarm.raised && ui.button(word("acknowledge")).clicked() {
                            ask.push(Command::Acknowledge { id: alarm.id });
                        }
                    });
                }
                let table = |ui: &mut egui::Ui, id: &str, rows: &[crate::selection::Row]| {
                    egui::Grid::new(id).num_columns(2).striped(true).show(ui, |ui| {
                        for row in rows {
                            ui.label(RichText::new(&row.label).weak());
                            ui.label(&row.value);
                            ui.end_row();
                        }
                    });
                };
                if !panel.live.is_empty() {
                    ui.label(RichText::new(word("live")).strong());
                    table(ui, "live", &panel.live);
                    if panel.live.iter().any(|row| row.simulated) {
                        ui.label(RichText::new(word("simulated")).color(Color32::from_rgb(150, 92, 0)).small());
                    }
                    ui.separator();
                }
                if let Some(note) = &panel.note {
                    ui.label(note);
                }
                egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| table(ui, "attributes", &panel.rows));
            });
        if !open {
            ask.push(Command::Select { id: None });
        }
    }

    if !model.alarms.is_empty() {
        window(format!("{} {}", word("alarms"), model.alarms.len()))
            .id(egui::Id::new("alarms"))
            .anchor(Align2::RIGHT_BOTTOM, [-12.0, -40.0])
            .show(context, |ui| {
                for alarm in model.alarms.iter().take(6) {
                    ui.horizontal(|ui| {
                        let colour = Color32::from_hex(&alarm.colour).unwrap_or(Color32::RED);
                        let (rect, _) = ui.allocate_exact_size(Vec2::splat(12.0), egui::Sense::hover());
                        ui.painter().circle_filled(rect.center(), 5.0, colour);
                        if ui.link(format!("{}  {}", alarm.text, alarm.host)).clicked() {
                            ask.push(Command::GoToAlarm { id: alarm.id });
                        }
                    });
                }
            });
    }

    egui::Area::new(egui::Id::new("status")).anchor(Align2::LEFT_BOTTOM, [12.0, -10.0]).show(context, |ui| {
        let mut text = format!("{}   {}   {} MB", model.status.place, model.status.height, model.status.megabytes);
        if model.status.loading > 0 {
            text += &format!("   {} {}", word("loading"), model.status.loading);
        }
        if !model.connected {
            text += &format!("   {}", word("not_connected"));
        }
        egui::Frame::new().fill(Color32::from_rgba_unmultiplied(250, 251, 252, 215)).inner_margin(6.0).corner_radius(4.0).show(ui, |ui| {
            ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
            ui.label(RichText::new(text).size(11.5));
            if let Some(trouble) = &model.trouble {
                ui.label(RichText::new(trouble).color(Color32::from_rgb(190, 20, 30)));
            }
        });
    });

    let busy = context.egui_wants_pointer_input() || context.is_pointer_over_egui();
    looking.over_panel = busy;
    looking.typing = context.egui_wants_keyboard_input();
    commands.queue.extend(ask);
}
