import Testing

@testable import Coordinator

struct SheetLayoutTests {
    private static func layout(
        rows: Int, columns: Int, most: Int = 14, tile: Int = 128, header: Int = 100
    ) -> SheetLayout {
        let metrics = SheetMetrics(width: 128, height: 128, tile: tile) { _ in 80 }
        return SheetLayout(rows: rows, columns: columns, mostColumns: most, metrics: metrics) { _ in header }
    }

    /// How often each crossing of the grid is drawn.
    private static func crossings(_ layout: SheetLayout) -> [[Int]: Int] {
        var counts: [[Int]: Int] = [:]
        for block in layout.pages.flatMap(\.blocks) {
            for row in block.rows {
                for column in block.columns { counts[[row, column], default: 0] += 1 }
            }
        }
        return counts
    }

    @Test("28 columns make two bands of 14, 15 make 8 and 7")
    func bands() {
        #expect(Self.layout(rows: 3, columns: 28).pages.map { $0.blocks.map(\.columns) } == [[0..<14, 14..<28]])
        #expect(Self.layout(rows: 3, columns: 15).pages.map { $0.blocks.map(\.columns) } == [[0..<8, 8..<15]])
        #expect(Self.layout(rows: 3, columns: 15, most: 100).pages.map { $0.blocks.map(\.columns) } == [[0..<15]])
    }

    @Test(
        "no page outgrows its bounds, no table leaves its page, and every crossing is drawn once",
        arguments: [
            (1, 1, 14, 16), (3, 28, 14, 128), (3, 28, 28, 128), (500, 3, 14, 192), (3, 900, 14, 192),
            (7, 40, 1000, 2048), (300, 300, 1000, 64), (200, 15, 14, 512),
        ])
    func bounds(rows: Int, columns: Int, most: Int, tile: Int) {
        let layout = Self.layout(rows: rows, columns: columns, most: most, tile: tile, header: 1500)
        let metrics = layout.metrics
        #expect(layout.width <= SheetLayout.longestSide)
        for page in layout.pages {
            #expect(page.height <= SheetLayout.longestSide)
            #expect(page.height * layout.width <= SheetLayout.mostPixels)
            var bottom = metrics.margin + 1500
            for block in page.blocks {
                #expect(block.y >= bottom)
                bottom = block.y + metrics.blockHeight(rows: block.rows.count)
                let last = metrics.tile(row: block.rows.count - 1, column: block.columns.count - 1)
                #expect(last.x + metrics.tileWidth + metrics.margin <= layout.width)
                #expect(block.y + last.y + metrics.tileHeight <= bottom)
            }
            #expect(bottom + metrics.margin == page.height)
        }
        let crossings = Self.crossings(layout)
        #expect(crossings.count == rows * columns)
        #expect(crossings.values.allSatisfy { $0 == 1 })
    }

    @Test("a tile keeps the shape of the image, whatever the database says of its size")
    func shapes() {
        let portrait = SheetMetrics(width: 512, height: 768, tile: 192) { _ in 0 }
        #expect((portrait.tileWidth, portrait.tileHeight) == (128, 192))
        for side in [Int.min, -1, 0, 1, .max] {
            let odd = SheetMetrics(width: side, height: 64, tile: 64) { _ in 0 }
            #expect((1...64).contains(odd.tileWidth) && (1...64).contains(odd.tileHeight))
        }
    }
}
