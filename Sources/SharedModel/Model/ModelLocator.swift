import Foundation

/// Finds models by the names that sweeps give them.
///
/// A name with a slash, or that begins with a dot or a tilde, is a path. Any other name is looked for, in this order,
/// beside the sweep file, in `$TMDNE_MODELS`, beside the executable, at the top of the package that it was built in, and
/// in the current folder. Each place is tried with the name as it is and with the ending `.safetensors`.
package struct ModelLocator: Sendable {
    private let sweepFolder: String?
    private let environment: [String: String]
    private let executable: String?
    private let currentFolder: String

    /// - Parameters:
    ///   - sweepFolder: The folder of the sweep file; `nil` where there is none, as on a worker.
    ///   - environment: `TMDNE_MODELS` and `HOME` are read.
    ///   - executable: The running program; `nil` when it is not known.
    ///   - currentFolder: What relative paths start from, after the sweep's folder.
    package init(
        sweepFolder: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String? = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
        currentFolder: String = FileManager.default.currentDirectoryPath
    ) {
        self.sweepFolder = sweepFolder
        self.environment = environment
        self.executable = executable
        self.currentFolder = currentFolder
    }

    /// The path of a model.
    ///
    /// - Returns: A folder with a `model_index.json`, or a `.safetensors` file.
    /// - Throws: ``SharedModelError/modelNotFound(name:places:)`` with the places that were looked at.
    package func locate(_ name: String) throws(SharedModelError) -> String {
        let candidates = candidates(for: name)
        if let path = candidates.lazy.flatMap({ [$0, "\($0).safetensors"] }).first(where: Self.isModel) { return path }
        if Self.isPath(name), let path = candidates.first(where: { Self.isFolder($0) || Self.isFile($0) }) {
            throw .notAModel(path: path, problem: Self.problem(with: path))
        }
        throw .modelNotFound(name: name, places: folders(of: candidates))
    }

    /// The path of the model with the right content, for a worker that was given another host's name for it.
    ///
    /// A path of the other host is tried as it is; then its last component is looked for like a plain name.
    ///
    /// - Throws: ``SharedModelError/modelNotFound(name:places:)``, or
    ///   ``SharedModelError/modelDiffers(name:fingerprint:places:)`` when there are models, but none is the one.
    package func locate(_ name: String, fingerprint: String) throws -> String {
        let lastComponent = URL(fileURLWithPath: name).lastPathComponent
        let candidates = candidates(for: name) + (Self.isPath(name) ? self.candidates(for: lastComponent) : [])
        var others: [String] = []
        for path in candidates.flatMap({ [$0, "\($0).safetensors"] })
        where Self.isModel(path) && !others.contains(path) {
            if try ModelFingerprint.compute(of: path) == fingerprint { return path }
            others.append(path)
        }
        guard others.isEmpty else {
            throw SharedModelError.modelDiffers(name: name, fingerprint: fingerprint, places: others)
        }
        throw SharedModelError.modelNotFound(name: name, places: folders(of: candidates))
    }

    /// Whether there is something at `path` that looks like a model.
    private static func isModel(_ path: String) -> Bool {
        isFile("\(path)/model_index.json") || (path.hasSuffix(".safetensors") && isFile(path))
    }

    private static func problem(with path: String) -> String {
        if isFile("\(path)/config.json") {
            return
                "it is one part of a model; write the path of the folder around it, or of the .safetensors file in it "
                + "where that alone is wanted"
        }
        if path.lowercased().hasSuffix(".gguf") {
            return "it is a GGUF file; convert it to safetensors, or download it as such"
        }
        let pickles = [".bin", ".ckpt", ".pt", ".pth"]
        guard pickles.contains(where: path.lowercased().hasSuffix) else {
            return "it is neither a folder with a model_index.json nor a .safetensors file"
        }
        return "it is a pickle, which can run code when it is opened; convert it to safetensors, or download it as such"
    }

    /// Whether a folder is at `path`, or a symbolic link to one.
    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Whether a regular file is at `path`, or a symbolic link to one: a pipe or a device would be read for ever.
    static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func isPath(_ name: String) -> Bool {
        name.contains("/") || name.hasPrefix(".") || name.hasPrefix("~")
    }

    private func candidates(for name: String) -> [String] {
        guard !name.isEmpty else { return [] }
        if name.hasPrefix("/") { return [name] }
        if name.hasPrefix("~/"), let home = environment["HOME"] { return [home + name.dropFirst()] }
        let roots = [sweepFolder, currentFolder].compactMap(\.self)
        return (Self.isPath(name) ? roots : modelFolders).map { folder in
            URL(fileURLWithPath: name, relativeTo: URL(fileURLWithPath: folder, isDirectory: true)).standardizedFileURL
                .path
        }
    }

    /// The folders that may hold a model of a plain name.
    private var modelFolders: [String] {
        var folders = [sweepFolder, environment["TMDNE_MODELS"]].compactMap(\.self)
        if let executable {
            let folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
            folders.append(folder.appendingPathComponent("../share/tmdne/models").standardizedFileURL.path)
            folders.append(folder.appendingPathComponent("Models").path)
            let components = folder.pathComponents
            if let build = components.lastIndex(of: ".build") {
                folders.append(NSString.path(withComponents: components[..<build] + ["Models"]))
            }
        }
        folders += ["\(currentFolder)/Models", currentFolder]
        var seen: Set<String> = []
        return folders.filter { !$0.isEmpty && seen.insert($0).inserted }
    }

    private func folders(of paths: [String]) -> [String] {
        var seen: Set<String> = []
        return paths.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path }.filter {
            seen.insert($0).inserted
        }
    }
}
