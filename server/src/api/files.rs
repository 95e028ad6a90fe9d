//! Files of the console and the viewer: media types, and paths that cannot leave their folder.

/// `None` for a path that is empty, hidden, or climbs.
pub fn safe(path: &str) -> Option<&str> {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']);
    path.split('/').all(plain).then_some(path)
}

pub fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_its_folder() {
        for good in ["index.html", "console/main-abc.js", "a/b/c.wasm"] {
            assert_eq!(safe(good), Some(good));
        }
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a/.env", "c:\\x", "a\\..\\b", "a/", "x\0"] {
            assert_eq!(safe(bad), None, "{bad}");
        }
    }
}
