import Coordinator

/// The site's pages as HTML.
struct SitePages {
    private enum Page: String, CaseIterable {
        case home = "index.html"
        case wall = "wall.html"
        case grid = "grid.html"
        case flaws = "flaws.html"

        var name: String {
            switch self {
            case .home: "One"
            case .wall: "Wall"
            case .grid: "Grid"
            case .flaws: "Flaws"
            }
        }
    }

    private let maker: PageMaker
    private let title: String
    private let first: SiteImage
    private let images: [SiteImage]
    private let sweep: String
    private let maps: [(caption: String, map: FlawMap)]

    init(
        title: String, sweep: String, first: SiteImage, images: [SiteImage], grid: GridIndex, opinions: [PlacedOpinion]
    ) throws(WebError) {
        maker = try PageMaker()
        self.title = title
        self.sweep = sweep
        self.first = first
        self.images = images
        maps = [
            ("By style and guidance", FlawMap(grid, opinions, rows: .style, columns: .guidance)),
            ("By prompt and style", FlawMap(grid, opinions, rows: .prompt, columns: .style)),
        ]
    }

    /// Name and HTML of every page.
    func files() throws(WebError) -> [(String, String)] {
        var files: [(String, String)] = []
        for page in Page.allCases {
            var context = common(page)
            switch page {
            case .home:
                context["isHome"] = true
                context["first"] = Self.context(first)
            case .wall:
                context["isWall"] = true
                context["images"] = images.map(Self.context)
            case .grid: context["isGrid"] = true
            case .flaws:
                context["isFlaws"] = true
                context["total"] = total
                context["tables"] = maps.map { Self.table($0.map, caption: $0.caption) }
            }
            files.append((page.rawValue, try maker.render("site", context)))
        }
        return files
    }

    private func common(_ page: Page) -> [String: Any] {
        let count = images.count == 1 ? "One image" : "\(images.count) images"
        var context: [String: Any] = [
            "title": title, "page": "\(page)", "hasScript": page == .home || page == .grid,
            "description": "\(count) that a person kept of the sweep \(sweep). Nobody in them exists.",
            "footer": "Made by tmdne from the sweep \(sweep).",
            "links": Page.allCases.map {
                ["path": $0.rawValue, "name": $0.name, "isHere": $0 == page] as [String: Any]
            },
        ]
        if page != .home { context["subtitle"] = page.name }
        return context
    }

    private var total: String {
        let rate = maps.first?.map.total.rate ?? FlawRate()
        guard let share = rate.share, let interval = rate.interval else { return "No image is judged." }
        return "\(rate.flawed) of \(rate.judged) judged images are flawed: \(Self.percent(share)) percent "
            + "(95 % interval \(Self.percent(interval.lowerBound)) to \(Self.percent(interval.upperBound)))."
    }

    private static func context(_ image: SiteImage) -> [String: Any] {
        [
            "link": "index.html#\(image.id)", "picture": image.picture, "thumbnail": image.thumbnail, "alt": image.alt,
            "width": "\(image.width)", "height": "\(image.height)", "recipe": image.recipe,
        ]
    }

    private static func table(_ map: FlawMap, caption: String) -> [String: Any] {
        let rows: [[String: Any]] = map.rows.indices.map { row in
            let fields = map.fields[row] + [map.rowTotals[row]]
            return ["name": map.rows[row], "fields": fields.map(Self.field)]
        }
        let sums: [String: Any] = ["name": "all", "fields": (map.columnTotals + [map.total]).map(Self.field)]
        return ["caption": caption, "columns": map.columns + ["all"], "rows": rows + [sums]]
    }

    private static func field(_ field: FlawMap.Field) -> [String: Any] {
        guard let share = field.rate.share, let interval = field.rate.interval else {
            return ["level": "unknown", "count": "·"]
        }
        return [
            "level": "level-\(Int((share * 10).rounded(.down)))", "count": "\(field.rate.flawed)/\(field.rate.judged)",
            "share": "\(percent(share)) (\(percent(interval.lowerBound))–\(percent(interval.upperBound)))",
        ]
    }

    private static func percent(_ share: Double) -> String {
        "\(Int((share * 100).rounded()))"
    }
}
