import Foundation

/// The styles that a sweep can name: those built in and those of its style files.
package struct StyleLibrary: Sendable {
    private var names: [String]
    private var styles: [String: Style]

    /// Only the built-in styles.
    package init() {
        names = Style.builtIn.map(\.name)
        styles = Dictionary(Style.builtIn.map { ($0.name, $0) }) { first, _ in first }
    }

    /// - Throws: A ``SweepProblem`` that names the nearest style and lists the known ones.
    package func style(named name: String) throws(SweepProblem) -> Style {
        guard let style = styles[name] else {
            throw .unknownStyle(name, nearest: Nearest.match(for: name, among: names), all: names)
        }
        return style
    }

    /// Adds the styles of a JSON file `[{"name", "prompt", "negative_prompt"}]`, as Fooocus and the SDXL stylers have
    /// them; other keys are passed over.
    ///
    /// A file may repeat a known style word for word, but not give its name another meaning.
    package mutating func add(fileAt path: String) throws(SharedModelError) {
        let entries: [Entry]
        do {
            let bytes = try FileReader.contents(of: path, limit: Sweep.maximumFileBytes)
            entries = try JSONDecoder().decode([Entry].self, from: Data(bytes))
        } catch let error as SharedModelError {
            throw error
        } catch {
            throw .styles(
                file: path,
                problem: #"this is not a list of styles; write [{"name": …, "prompt": …, "negative_prompt": …}, …]"#)
        }
        for entry in entries {
            let style = Style(
                name: entry.name, prompt: entry.prompt ?? Style.none.prompt, negativePrompt: entry.negativePrompt ?? "")
            do throws(SweepProblem) {
                try Sweep.check(style.name, key: "name", limit: Sweep.maximumNameBytes)
                try Sweep.check(style.prompt, key: "prompt", limit: Sweep.maximumTextBytes)
                try Sweep.check(style.negativePrompt, key: "negative_prompt", limit: Sweep.maximumTextBytes)
            } catch {
                throw .styles(file: path, problem: "the style \(quoted(style.name)) cannot be used: \(error)")
            }
            guard !style.name.isEmpty else {
                throw .styles(file: path, problem: "a style has no name; give it one")
            }
            guard styles[style.name] ?? style == style else {
                throw .styles(
                    file: path,
                    problem: "the style \(quoted(style.name)) is known with other texts; give this one another name")
            }
            if styles.updateValue(style, forKey: style.name) == nil { names.append(style.name) }
        }
    }

    /// A style as the JSON files have it.
    private struct Entry: Decodable {
        var name: String
        var prompt: String?
        var negativePrompt: String?

        private enum CodingKeys: String, CodingKey {
            case name
            case prompt
            case negativePrompt = "negative_prompt"
        }
    }
}
