# Isthmus for processors, with the packaged models inside. Build: docker build -t isthmus .
# Run: docker run -p 127.0.0.1:7860:7860 -v isthmus:/data isthmus
# It listens on every address of the container, so it asks for a login; add a user first:
#   docker run -it -v isthmus:/data isthmus users add root --role administrator
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 isthmus && mkdir /data && chown isthmus /data
WORKDIR /app
COPY --chown=isthmus pyproject.toml constraints.txt hashes.txt README.md LICENSE ./
COPY --chown=isthmus rag rag
COPY --chown=isthmus retriever retriever
COPY --chown=isthmus prompts prompts
COPY --chown=isthmus ui ui
# An index of torch without CUDA makes the image smaller: --build-arg PIP_EXTRA_INDEX_URL=…
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir --require-hashes --no-deps --requirement hashes.txt \
    && pip install --no-cache-dir --constraint constraints.txt '.[postgres,telemetry]'
USER 1000
ENV ISTHMUS_CACHE=/home/isthmus/models ISTHMUS_LIBRARY=/data/library \
    ISTHMUS_HOST=0.0.0.0 ISTHMUS_LOGIN=local
RUN isthmus fetch
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz')"]
ENTRYPOINT ["isthmus"]
CMD ["page"]
