import { Page } from './page.ts'

new Page().start()

// Not where the page comes from disk or by plain http, and not where storage is forbidden: then it needs a network.
void navigator.serviceWorker?.register(new URL('service-worker.js', document.baseURI)).catch(() => {})
