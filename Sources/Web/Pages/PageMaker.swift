import Coordinator
import Mustache

/// Makes the pages' HTML from their templates; what changes is filled in by their scripts.
struct PageMaker: Sendable {
    /// A page with its place in the navigation.
    enum Page: String, CaseIterable, Sendable {
        case overview, grid, images, audit, heat, login

        var title: String {
            switch self {
            case .overview: "Overview"
            case .grid: "Grid"
            case .images: "Images"
            case .audit: "Audit"
            case .heat: "Flaws"
            case .login: "Sign in"
            }
        }

        var path: String { self == .overview ? "/" : "/\(rawValue)" }
    }

    private let library: MustacheLibrary

    /// - Throws: ``WebError/template(name:problem:)`` when a template can't be read.
    init() throws(WebError) {
        var library = MustacheLibrary()
        for (name, bytes) in Assets.templates {
            do {
                try library.register(String(decoding: bytes, as: UTF8.self), named: name)
            } catch {
                throw .template(name: name, problem: "\(error)")
            }
        }
        self.library = library
    }

    /// The HTML of a page of a sweep.
    func html(_ page: Page, sweep: String, notice: String? = nil) throws(WebError) -> String {
        let links: [[String: Any]] = Page.allCases.filter { $0 != .login }.map { link in
            ["path": link.path, "title": link.title, "isHere": link == page]
        }
        let tags: [[String: Any]] = FlawTag.allCases.enumerated().map { index, tag in
            ["key": "\(index + 1)", "name": tag.rawValue, "title": tag.title]
        }
        var context: [String: Any] = [
            "title": page.title, "sweep": sweep, "page": page.rawValue, "links": links, "tags": tags,
            "isInside": page != .login,
        ]
        context["notice"] = notice
        return try render(page.rawValue, context)
    }

    /// Renders a template with values of its own.
    func render(_ name: String, _ context: [String: Any]) throws(WebError) -> String {
        guard let html = library.render(context, withTemplate: name) else {
            throw .template(name: name, problem: "it is missing")
        }
        return html
    }
}
