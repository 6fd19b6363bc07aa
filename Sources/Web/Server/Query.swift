import Coordinator
import Hummingbird

/// Reads a request's query, where every value comes from a person.
struct Query {
    private let parameters: [String: String]

    init(_ request: Request) {
        parameters = Dictionary(
            request.uri.queryParameters.map { (String($0.key), String($0.value)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// A value that is not empty.
    subscript(name: String) -> String? {
        parameters[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// An axis; `fallback` when none is named.
    func axis(_ name: String, _ fallback: GridAxis) throws(WebError) -> GridAxis {
        guard let text = self[name] else { return fallback }
        guard let axis = GridAxis(rawValue: text) else {
            throw .request(
                "“\(text)” is no axis; choose one of \(GridAxis.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return axis
    }

    func tag(_ name: String) throws(WebError) -> FlawTag? {
        guard let text = self[name] else { return nil }
        guard let tag = FlawTag(rawValue: text) else {
            throw .request(
                "“\(text)” is no tag; choose one of \(FlawTag.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return tag
    }
}
