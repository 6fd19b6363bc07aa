/// Where everything of one contact sheet goes, in pixels.
///
/// Columns that don't fit beside each other continue in a band below; what does not fit on a page goes to the next.
struct SheetLayout: Equatable {
    /// The longest side of a page; many programs refuse more than 16,384.
    static let longestSide = 16_000
    /// The largest page: 64 million pixels are 256 MB while it is drawn.
    static let mostPixels = 64_000_000

    /// Part of the grid that is drawn as one table, its column labels at the top.
    struct Block: Equatable {
        var rows: Range<Int>
        var columns: Range<Int>
        /// Top of its column labels.
        var y: Int
    }

    struct Page: Equatable {
        var height: Int
        var blocks: [Block]
    }

    let metrics: SheetMetrics
    let width: Int
    private(set) var pages: [Page] = []

    /// - Parameters:
    ///   - rows: How many there are.
    ///   - columns: How many there are.
    ///   - mostColumns: Of a band, where that many fit.
    ///   - metrics: The measures of the tables.
    ///   - headerHeight: Height of the header for a width of the text.
    init(rows: Int, columns: Int, mostColumns: Int, metrics: SheetMetrics, headerHeight: (Int) -> Int) {
        var most = max(1, min(mostColumns, metrics.columns(inWidth: Self.longestSide)))
        // Few pixels are left for the height of a page that is wide, so a band may have to be narrower still.
        while most > 1, !Self.holdsRow(most, metrics, headerHeight) { most -= 1 }
        let bands = columns.dividedRoundingUp(by: most)
        let perBand = columns.dividedRoundingUp(by: max(bands, 1))
        self.metrics = metrics
        width = metrics.width(columns: perBand)
        let top = metrics.margin + headerHeight(width - 2 * metrics.margin)
        let limit = Self.tallest(width: width)
        let fit = max(1, metrics.rows(inHeight: limit - top - metrics.margin))
        var page = Page(height: top, blocks: [])
        for band in 0..<bands {
            let columns = band * perBand..<min(columns, (band + 1) * perBand)
            var done = 0
            while done < rows {
                let distance = page.blocks.isEmpty ? 0 : metrics.blockDistance
                let room = metrics.rows(inHeight: limit - page.height - distance - metrics.margin)
                let count = min(rows - done, fit)
                guard room >= count || page.blocks.isEmpty else {
                    close(page)
                    page = Page(height: top, blocks: [])
                    continue
                }
                let y = page.height + distance
                page.blocks.append(Block(rows: done..<done + count, columns: columns, y: y))
                page.height = y + metrics.blockHeight(rows: count)
                done += count
            }
        }
        close(page)
    }

    private mutating func close(_ page: Page) {
        pages.append(Page(height: page.height + metrics.margin, blocks: page.blocks))
    }

    private static func holdsRow(_ columns: Int, _ metrics: SheetMetrics, _ headerHeight: (Int) -> Int) -> Bool {
        let width = metrics.width(columns: columns)
        let header = headerHeight(width - 2 * metrics.margin)
        return metrics.rows(inHeight: tallest(width: width) - header - 2 * metrics.margin) > 0
    }

    private static func tallest(width: Int) -> Int {
        min(longestSide, mostPixels / width)
    }
}

extension Int {
    /// How many parts of at most `size` make this many.
    fileprivate func dividedRoundingUp(by size: Int) -> Int {
        self / size + (isMultiple(of: size) ? 0 : 1)
    }
}
