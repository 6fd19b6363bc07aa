import PNG

/// The colours of a sheet: dark on a warm white, so that the images are the only thing that stands out.
enum SheetPalette {
    static let paper = Color(0xFBFAF8)
    static let ink = Color(0x26241F)
    static let muted = Color(0x7A766E)
    static let emptyTile = Color(0xEFEDE8)
    static let failedTile = Color(0xF6E1DC)
    static let failedInk = Color(0x9C3B26)
}

/// Draws the pages of one contact sheet.
struct SheetPainter {
    private let content: SheetContent
    private let header: SheetHeader
    private let layout: SheetLayout
    private let images: ImageReader

    /// - Throws: ``CoordinatorError/drawing(problem:)`` when there is no memory to measure texts.
    init(
        _ content: SheetContent, sweep: String, varying: Set<GridAxis>, options: ContactSheet.Options,
        images: ImageReader
    ) throws {
        let setting = content.setting
        let ruler = try Canvas(width: 1, height: 1, background: SheetPalette.paper)
        let metrics = SheetMetrics(
            width: content.width, height: content.height,
            tile: options.tile ?? min(max(content.width, content.height, 16), ContactSheet.Options.largestDefaultTile)
        ) { em in
            let widths = content.rows.map { label in
                ruler.size(of: label, Self.rowLabel(em, lines: 1), width: Double(em * 10)).width
            }
            return Int((widths.max() ?? 0).rounded(.up))
        }
        let header = SheetHeader(setting, sweep: sweep, varying: varying, em: metrics.em)
        layout = SheetLayout(
            rows: content.rows.count, columns: content.columns.count, mostColumns: options.columns, metrics: metrics
        ) { width in header.height(width: width, on: ruler) }
        self.content = content
        self.header = header
        self.images = images
    }

    var pageCount: Int { layout.pages.count }

    /// Size of a page in pixels.
    func size(page index: Int) -> (width: Int, height: Int) {
        (layout.width, layout.pages[index].height)
    }

    /// A page as a PNG file; `number` says which sheet of how many it is, or nothing.
    func png(page index: Int, number: String) throws -> [UInt8] {
        let size = size(page: index)
        let canvas = try Canvas(width: size.width, height: size.height, background: SheetPalette.paper)
        try draw(page: index, number: number, on: canvas)
        return try canvas.png()
    }

    /// Draws a page.
    func draw(page index: Int, number: String, on canvas: Canvas) throws {
        let metrics = layout.metrics
        header.draw(
            on: canvas, x: metrics.margin, y: metrics.margin, width: layout.width - 2 * metrics.margin, number: number)
        for block in layout.pages[index].blocks { try draw(block, on: canvas) }
    }

    private func draw(_ block: SheetLayout.Block, on canvas: Canvas) throws {
        let metrics = layout.metrics
        let em = Double(metrics.em)
        let columnLabel = TextStyle(size: em, color: SheetPalette.ink, isCentered: true)
        let labelY = Double(block.y) + em * 0.3
        canvas.draw(
            content.across.rawValue, TextStyle(size: em, color: SheetPalette.muted), x: Double(metrics.margin),
            y: labelY,
            width: Double(metrics.labelWidth) - em)
        for (offset, column) in block.columns.enumerated() {
            canvas.draw(
                content.columns[column], columnLabel, x: Double(metrics.tile(row: 0, column: offset).x),
                y: labelY, width: Double(metrics.tileWidth))
        }
        let rowLabel = Self.rowLabel(metrics.em, lines: max(1, metrics.tileHeight * 3 / (metrics.em * 4)))
        for (rowOffset, row) in block.rows.enumerated() {
            let top = Double(block.y + metrics.tile(row: rowOffset, column: 0).y)
            let width = Double(metrics.labelWidth) - em
            let height = canvas.size(of: content.rows[row], rowLabel, width: width).height
            canvas.draw(
                content.rows[row], rowLabel, x: Double(metrics.margin),
                y: top + (Double(metrics.tileHeight) - height) / 2, width: width)
            for (offset, column) in block.columns.enumerated() {
                guard let tile = content.tile(row: row, column: column) else { continue }
                let x = Double(metrics.tile(row: rowOffset, column: offset).x)
                try draw(
                    tile, on: canvas,
                    in: Rectangle(
                        x: x, y: top, width: Double(metrics.tileWidth), height: Double(metrics.tileHeight)))
            }
        }
    }

    private func draw(_ tile: SheetContent.Tile, on canvas: Canvas, in area: Rectangle) throws {
        switch images.read(tile) {
        case .success(let image):
            try canvas.draw(image, in: area.fitting(width: image.width, height: image.height))
        case .failure(let absence):
            canvas.fill(area, absence.isFault ? SheetPalette.failedTile : SheetPalette.emptyTile)
            let style = TextStyle(
                size: min(Double(layout.metrics.em), area.width / 5.5),
                color: absence.isFault ? SheetPalette.failedInk : SheetPalette.muted, isCentered: true)
            let height = canvas.size(of: absence.word, style, width: area.width).height
            canvas.draw(absence.word, style, x: area.x, y: area.y + (area.height - height) / 2, width: area.width)
        }
    }

    private static func rowLabel(_ em: Int, lines: Int) -> TextStyle {
        TextStyle(size: Double(em), color: SheetPalette.ink, maximumLines: lines)
    }
}
