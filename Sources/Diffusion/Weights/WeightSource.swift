import Synchronization

/// The tensors of one part of a model, looked up by name, whatever files they are in.
///
/// A network asks for the tensors that its config leads it to expect, in a scope of its own:
///
///     let weights = try WeightSource(part: "…/unet").scoped("conv_in")
///     let kernel = try weights.floats("weight", shape: [320, 4, 3, 3])
///
/// What was asked for is remembered, so that ``requireAllRead(except:)`` can tell when the files hold more than the config
/// says: a sign that both do not belong together.
package struct WeightSource: Sendable {
    private let storage: Storage
    private let prefix: String

    /// Opens the weight files of a part's folder, such as `unet`, in diffusers' layout.
    ///
    /// - Throws: ``DiffusionError`` when there are none or one is damaged.
    package init(part folder: String) throws(DiffusionError) {
        try self.init(files: WeightFiles.paths(in: folder), path: folder)
    }

    /// Opens the weights in `files`, which together hold each tensor once; `path` names them in messages.
    package init(files paths: [String], path: String) throws(DiffusionError) {
        var files: [SafetensorsFile] = []
        var owners: [String: Int] = [:]
        for path in paths {
            let file = try SafetensorsFile(path: path)
            for name in file.names {
                guard owners.updateValue(files.count, forKey: name) == nil else {
                    throw .invalidWeights(path: path, problem: "another file of its part holds \"\(name)\", too")
                }
            }
            files.append(file)
        }
        self.init(storage: Storage(files: files, owners: owners, path: path), prefix: "")
    }

    private init(storage: Storage, prefix: String) {
        self.storage = storage
        self.prefix = prefix
    }

    /// The same tensors, with names relative to `scope`: `scoped("a").floats("b", …)` reads `a.b`.
    package func scoped(_ scope: String) -> WeightSource {
        WeightSource(storage: storage, prefix: "\(prefix)\(scope).")
    }

    /// As ``scoped(_:)`` when there are tensors in `scope`, else the same source.
    ///
    /// Text encoders come with and without a leading `text_model.`, depending on the version that saved them.
    package func scoped(ifPresent scope: String) -> WeightSource {
        let scoped = scoped(scope)
        return storage.owners.keys.contains { $0.hasPrefix(scoped.prefix) } ? scoped : self
    }

    /// Whether there is a tensor of that name in this scope.
    package func contains(_ name: String) -> Bool {
        storage.location(of: prefix + name) != nil
    }

    /// The shape of the tensor of that name in this scope, or nil when there is none.
    package func shape(of name: String) -> [Int]? {
        storage.location(of: prefix + name).flatMap { location in location.file.shape(of: location.name) }
    }

    /// The numbers of a tensor of this scope in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or a type that is not floating-point.
    package func floats(_ name: String, shape: [Int]) throws(DiffusionError) -> [Float] {
        try tensor(name, shape: shape).floats()
    }

    /// A tensor of this scope, to be read later; it counts as read at once.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or a type that is not floating-point.
    package func tensor(_ name: String, shape: [Int]) throws(DiffusionError) -> WeightTensor {
        guard let location = storage.location(of: prefix + name) else {
            throw .missingTensor(name: prefix + name, path: storage.path)
        }
        try location.file.requireFloats(location.name, shape: shape)
        storage.read.withLock { read in _ = read.insert(location.name) }
        return WeightTensor(shape: shape) { elements throws(DiffusionError) in
            try location.file.floats(location.name, elements: elements)
        }
    }

    /// The names of all tensors of this scope that nobody has read, as the files spell them, sorted.
    package var unreadNames: [String] {
        let read = storage.read.withLock { $0 }
        return storage.owners.keys.filter { $0.hasPrefix(prefix) && !read.contains($0) }.sorted()
    }

    /// Makes sure that every tensor of this scope was read, except those that begin with one of `ignored`.
    ///
    /// - Throws: ``DiffusionError/unusedTensors(names:path:)``.
    package func requireAllRead(except ignored: [String] = []) throws(DiffusionError) {
        let names = unreadNames.filter { name in !ignored.contains { name.hasPrefix(prefix + $0) } }
        guard names.isEmpty else { throw .unusedTensors(names: names, path: storage.path) }
    }
}

extension WeightSource {
    /// The open files, shared by all scopes.
    private final class Storage: Sendable {
        let files: [SafetensorsFile]
        /// The index of the file that holds a tensor.
        let owners: [String: Int]
        let path: String
        let read = Mutex<Set<String>>([])

        init(files: [SafetensorsFile], owners: [String: Int], path: String) {
            self.files = files
            self.owners = owners
            self.path = path
        }

        /// Where a tensor lies, under its own name or the one that old files give it.
        func location(of name: String) -> (file: SafetensorsFile, name: String)? {
            for candidate in [name, Self.formerName(of: name)] {
                if let owner = owners[candidate] { return (files[owner], candidate) }
            }
            return nil
        }

        /// Before version 0.17 diffusers named the parts of the autoencoder's attention differently, and the weights of
        /// Stable Diffusion 1.5 were saved so.
        private static func formerName(of name: String) -> String {
            let renamed = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]
            for (current, former) in renamed {
                for parameter in ["weight", "bias"] where name.hasSuffix(".\(current).\(parameter)") {
                    return name.dropLast("\(current).\(parameter)".count) + "\(former).\(parameter)"
                }
            }
            return name
        }
    }
}

extension WeightSource {
    /// What this scope holds, from the files' headers alone.
    package var inventory: (parameters: Int, types: [String]) {
        var parameters = 0
        var types: Set<String> = []
        for (name, owner) in storage.owners where name.hasPrefix(prefix) {
            parameters += storage.files[owner].shape(of: name)?.reduce(1, *) ?? 0
            if let type = storage.files[owner].typeName(of: name) { types.insert(type) }
        }
        return (parameters, types.sorted())
    }
}
