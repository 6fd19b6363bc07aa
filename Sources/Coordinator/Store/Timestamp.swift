import Foundation

/// Wall time as the database holds it: `2026-03-01T12:00:00.000Z`, for people and for sorting, never for deadlines.
enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func text(_ date: Date) -> String {
        date.formatted(style)
    }

    static func date(_ text: String) -> Date? {
        try? style.parse(text)
    }
}
