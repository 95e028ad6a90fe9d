//! The catalogue for people: every class with its symbol, attributes, units and code lists, in both languages on one page that
//! asks nobody else for anything.

use super::pages::escape;
use citytwin_assets::{Lang, say};
use citytwin_model::class::{Domain, FIRST_OWN_CLASS, Form, Kept, Label, ObservedProperty};
use citytwin_model::{Attribute, AttributeType, Class, GeometryKind};
use citytwin_wire::catalogue::{geometry_word, type_word};
use std::fmt::{Display, Write};
use std::sync::Arc;

/// `template` has places for `{lang}`, `{title}` and `{body}`. `classes` come with how many features the city has of each.
pub fn page(template: &str, lang: Lang, city: &str, classes: &[(Arc<Class>, u64)], properties: &[ObservedProperty]) -> String {
    let page = Page { lang, classes, properties };
    let title = format!("{} · {city}", page.word("title", &[]));
    let body = page.body(&title);
    let tag = if lang == Lang::Zh { "zh-CN" } else { "en" };
    template.replace("{lang}", tag).replace("{title}", &escape(&title)).replace("{body}", &body)
}

struct Page<'a> {
    lang: Lang,
    classes: &'a [(Arc<Class>, u64)],
    properties: &'a [ObservedProperty],
}

/// Writing into a text cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { let _ = write!($out, $($arg)*); };
}

impl Page<'_> {
    fn word(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        say(self.lang, &format!("page.catalogue.{key}"), values)
    }

    fn body(&self, title: &str) -> String {
        let mut out = String::with_capacity(1 << 19);
        put!(
            out,
            "<header><div class=\"row\"><h1>{}</h1><input type=\"search\" placeholder=\"{}\" aria-label=\"{1}\" autofocus><span class=\"quiet\" data-told=\"{}\" role=\"status\"></span></div><nav>",
            escape(title),
            escape(&self.word("search", &[])),
            escape(&self.word("found", &[])),
        );
        for domain in Domain::ALL {
            put!(out, "<a href=\"#domain-{}\">{}</a>", domain.id(), escape(&self.word(domain.id(), &[])));
        }
        put!(
            out,
            "<a href=\"#properties\">{}</a><a href=\"/catalogue?f=json\">JSON</a><a href=\"/\">{}</a></nav></header><main><p class=\"intro\">{}</p>",
            escape(&self.word("properties", &[])),
            escape(&self.word("map", &[])),
            escape(&self.word("intro", &[("classes", &self.classes.len()), ("properties", &self.properties.len())])),
        );
        for domain in Domain::ALL {
            let of: Vec<_> = self.classes.iter().filter(|(class, _)| class.domain == domain).collect();
            put!(
                out,
                "<section><h2 id=\"domain-{}\">{} <small>{}</small></h2>",
                domain.id(),
                escape(&self.word(domain.id(), &[])),
                of.len()
            );
            for (class, count) in of {
                self.class(&mut out, class, *count);
            }
            out.push_str("</section>");
        }
        self.observed(&mut out);
        out.push_str("</main>");
        out
    }

    fn class(&self, out: &mut String, class: &Class, count: u64) {
        put!(out, "<details id=\"{}\"><summary>{}{} <code>{0}</code>", escape(&class.id), swatch(class), both(&class.label, "b"));
        if class.no >= FIRST_OWN_CLASS {
            put!(out, " <span class=\"chip\">{}</span>", escape(&self.word("own", &[])));
        }
        let right = match class.kept {
            Kept::City => self.word("features", &[("count", &count)]),
            Kept::Live => self.word("live", &[]),
            Kept::Terrain => self.word("terrain", &[]),
        };
        put!(out, "<span class=\"right\">{}</span></summary><div class=\"more\"><dl class=\"facts\">", escape(&right));
        let geometry = self.word(&format!("geometry_{}", geometry_word(class.geometry)), &[]);
        let codes = class.codes.iter().map(|(standard, code)| format!("{standard} {code}")).collect::<Vec<_>>().join(", ");
        let facts = [
            ("no", class.no.to_string()),
            ("geometry", geometry),
            ("form", if class.form == Form::None { String::new() } else { self.word(&format!("form_{}", form_word(&class.form)), &[]) }),
            ("zoom", class.symbol.min_zoom.to_string()),
            ("codes", codes),
        ];
        for (key, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
            put!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(&self.word(key, &[])), escape(fact));
        }
        if !class.observed.is_empty() {
            put!(out, "<div><dt>{}</dt><dd>", escape(&self.word("observed", &[])));
            for id in &class.observed {
                match self.properties.iter().find(|property| property.id == *id) {
                    Some(known) => {
                        put!(
                            out,
                            "<a class=\"chip\" href=\"#property-{}\">{} {}</a> ",
                            escape(id),
                            escape(self.own(&known.label)),
                            escape(&known.unit)
                        );
                    }
                    None => {
                        put!(out, "<span class=\"chip\">{}</span> ", escape(id));
                    }
                }
            }
            out.push_str("</dd></div>");
        }
        out.push_str("</dl>");
        if !class.attributes.is_empty() {
            self.attributes(out, class);
        }
        if class.kept == Kept::City {
            put!(
                out,
                "<p><a href=\"/collections/{id}/items?f=json\">{}</a> · <a href=\"/collections/{id}/schema\">{}</a></p>",
                escape(&self.word("items", &[])),
                escape(&self.word("schema", &[])),
                id = escape(&class.id),
            );
        }
        out.push_str("</div></details>");
    }

    fn attributes(&self, out: &mut String, class: &Class) {
        out.push_str("<div class=\"wide\"><table><thead><tr>");
        for key in ["attribute", "id", "type", "unit", "values"] {
            put!(out, "<th>{}</th>", escape(&self.word(key, &[])));
        }
        out.push_str("</tr></thead><tbody>");
        for attribute in &class.attributes {
            put!(out, "<tr><td>{}", both(&attribute.label, "span"));
            if attribute.required {
                put!(out, " <span class=\"required\">{}</span>", escape(&self.word("required", &[])));
            }
            put!(
                out,
                "</td><td><code>{}</code></td><td>{}</td><td>{}</td><td class=\"values\">",
                escape(&attribute.id),
                escape(&self.word(&format!("type_{}", type_word(&attribute.ty)), &[])),
                escape(attribute.unit.as_deref().unwrap_or_default()),
            );
            self.values(out, attribute);
            out.push_str("</td></tr>");
        }
        out.push_str("</tbody></table></div>");
    }

    fn values(&self, out: &mut String, attribute: &Attribute) {
        match &attribute.ty {
            AttributeType::Code(entries) => {
                for entry in entries {
                    put!(out, "<span><code>{}</code> {}</span>", escape(&entry.value), both(&entry.label, "span"));
                }
            }
            AttributeType::Ref(targets) if targets.is_empty() => out.push_str(&escape(&self.word("any", &[]))),
            AttributeType::Ref(targets) => {
                for id in targets {
                    let label =
                        self.classes.iter().find(|(class, _)| class.id == *id).map_or(id.as_str(), |(class, _)| self.own(&class.label));
                    put!(out, "<span>→ <a href=\"#{}\">{}</a></span>", escape(id), escape(label));
                }
            }
            _ => {
                if let Some((low, high)) = attribute.range {
                    put!(out, "{low} – {high}");
                }
            }
        }
    }

    fn observed(&self, out: &mut String) {
        put!(
            out,
            "<section><h2 id=\"properties\">{} <small>{}</small></h2><div class=\"wide\"><table><thead><tr>",
            escape(&self.word("properties", &[])),
            self.properties.len()
        );
        for key in ["property", "id", "unit", "reported_by"] {
            put!(out, "<th>{}</th>", escape(&self.word(key, &[])));
        }
        out.push_str("</tr></thead><tbody>");
        for property in self.properties {
            put!(
                out,
                "<tr data-row id=\"property-{}\"><td>{}</td><td><code>{0}</code></td><td>{}</td><td class=\"values\">",
                escape(&property.id),
                both(&property.label, "span"),
                escape(&property.unit),
            );
            for (class, _) in self.classes.iter().filter(|(class, _)| class.observed.contains(&property.id)) {
                put!(out, "<span><a href=\"#{}\">{}</a></span>", escape(&class.id), escape(self.own(&class.label)));
            }
            out.push_str("</td></tr>");
        }
        out.push_str("</tbody></table></div></section>");
    }

    /// In the reader's language.
    fn own<'a>(&self, label: &'a Label) -> &'a str {
        if self.lang == Lang::Zh { &label.zh } else { &label.en }
    }
}

/// Both names; one where they are the same, as in a collection that a load brought.
fn both(label: &Label, tag: &str) -> String {
    let zh = escape(&label.zh);
    if label.zh == label.en {
        format!("<{tag}>{zh}</{tag}>")
    } else {
        format!("<{tag}>{zh}</{tag}> <span class=\"en\">{}</span>", escape(&label.en))
    }
}

/// The symbol as a map draws it: a dot, a line, an area.
fn swatch(class: &Class) -> String {
    let [r, g, b] = class.symbol.colour;
    let colour = format!("#{r:02x}{g:02x}{b:02x}");
    let shape = match class.geometry {
        GeometryKind::Point => format!("<circle cx=\"12\" cy=\"9\" r=\"6\" fill=\"{colour}\" stroke=\"#0004\"/>"),
        GeometryKind::Line => format!(
            "<path d=\"M2 13 9 6l6 5 7-6\" fill=\"none\" stroke=\"#0004\" stroke-width=\"5\"/><path d=\"M2 13 9 6l6 5 7-6\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3.4\"/>"
        ),
        GeometryKind::Area if class.form == Form::None => {
            format!(
                "<rect x=\"3\" y=\"3\" width=\"18\" height=\"12\" rx=\"2\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"4 2.5\"/>"
            )
        }
        GeometryKind::Area => format!("<rect x=\"2\" y=\"2\" width=\"20\" height=\"14\" rx=\"2\" fill=\"{colour}\" stroke=\"#0004\"/>"),
        GeometryKind::None => format!("<path d=\"M5 3h10l4 4v8H5z\" fill=\"{colour}\" stroke=\"#0004\"/>"),
    };
    format!("<svg width=\"24\" height=\"18\" viewBox=\"0 0 24 18\" aria-hidden=\"true\">{shape}</svg>")
}

fn form_word(form: &Form) -> &'static str {
    match form {
        Form::None => "none",
        Form::Tube { .. } => "tube",
        Form::Ribbon { .. } => "ribbon",
        Form::Prism { .. } => "prism",
        Form::Patch => "patch",
        Form::Shaft { .. } => "shaft",
        Form::Deck { .. } => "deck",
        Form::Bore { .. } => "bore",
        Form::Post { .. } => "post",
    }
}
