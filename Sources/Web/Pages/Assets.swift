import Foundation

/// The files of the pages, which are part of the program: one binary is all that is installed.
enum Assets {
    struct File: Sendable {
        let bytes: [UInt8]
        let type: String
    }

    /// Files that browsers ask for, by name.
    static let files: [String: File] = [
        "audit.js": script(PackageResources.audit_js),
        "common.js": script(PackageResources.common_js),
        "grid.js": script(PackageResources.grid_js),
        "heat.js": script(PackageResources.heat_js),
        "icon.svg": File(bytes: PackageResources.icon_svg, type: "image/svg+xml"),
        "images.js": script(PackageResources.images_js),
        "live.js": script(PackageResources.live_js),
        "login.js": script(PackageResources.login_js),
        "overview.js": script(PackageResources.overview_js),
        "plots.js": script(PackageResources.plots_js),
        "style.css": File(bytes: PackageResources.style_css, type: "text/css; charset=utf-8"),
        "viewer.js": script(PackageResources.viewer_js),
        "wall.js": script(PackageResources.wall_js),
    ]

    /// Templates, by name.
    static let templates: [String: [UInt8]] = [
        "audit": PackageResources.audit_mustache,
        "grid": PackageResources.grid_mustache,
        "heat": PackageResources.heat_mustache,
        "images": PackageResources.images_mustache,
        "layout": PackageResources.layout_mustache,
        "login": PackageResources.login_mustache,
        "overview": PackageResources.overview_mustache,
        "site": PackageResources.site_mustache,
    ]

    /// Files of the static site.
    static let siteFiles: [String: [UInt8]] = [
        "site.css": PackageResources.site_css,
        "site.js": PackageResources.site_js,
    ]

    private static func script(_ bytes: [UInt8]) -> File {
        File(bytes: bytes, type: "text/javascript; charset=utf-8")
    }
}
