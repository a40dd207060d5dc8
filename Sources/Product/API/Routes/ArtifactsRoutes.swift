internal import Core
internal import HTTP
internal import Studio

/// Downloads: one artefact with ranges and validators, or all of them as a zip.
struct ArtifactsRoutes: Sendable {
    let jobs: JobService
    let time: any TimeSource

    /// `GET /api/v1/jobs/{id}/artifacts/{name}`
    func download(_ context: RequestContext) async throws(Problem) -> Response {
        let id = try context.jobID()
        let name = context.parameters["name"] ?? ""
        do {
            let account = try context.account()
            guard let artifact = try await jobs.artifacts(of: id, account: account).first(where: { $0.name == name })
            else { throw JobError.artifactNotFound }
            let file = try await jobs.open(artifact)
            let response = FileResponse(
                file: file, etag: artifact.sha256, mediaType: artifact.mediaType, fileName: artifact.name)
            return try response.answer(context.request.head, now: time.now()) { offset, count in
                try await jobs.read(file, at: offset, count: count)
            }
        } catch {
            throw Problem(mapping: error)
        }
    }

    /// `GET /api/v1/jobs/{id}/download`
    func archive(_ context: RequestContext) async throws(Problem) -> Response {
        let id = try context.jobID()
        do {
            let archive = try await jobs.archive(of: id, account: try context.account())
            var response = Response(
                status: 200,
                body: .stream(length: archive.byteCount) { writer in
                    try await archive.send { bytes in try await writer.write(bytes) }
                })
            response.fields["Content-Type"] = "application/zip"
            response.fields["Content-Disposition"] = "attachment; filename=\"\(id).zip\""
            response.fields["Cache-Control"] = "private, no-cache"
            return response
        } catch {
            throw Problem(mapping: error)
        }
    }
}
