// The page comes complete. While it is open the server sends its parts anew, which take the places of the old.
'use strict'
const live = document.getElementById('live')
const said = document.getElementById('said')
const state = document.getElementById('state')
const steps = document.getElementById('steps')
const stepsMax = 200
let source = null

// replace shows a new state, with what was opened in the old one, and scrolled to.
function replace(html) {
	const open = new Set([...state.querySelectorAll('details[open]')].map(d => d.dataset.key))
	const left = [...state.querySelectorAll('.scroll')].map(d => d.scrollLeft)
	state.innerHTML = html
	for (const d of state.querySelectorAll('details')) d.open = open.has(d.dataset.key)
	state.querySelectorAll('.scroll').forEach((d, i) => { d.scrollLeft = left[i] || 0 })
}

function begin() {
	source = new EventSource('?format=events')
	source.onopen = () => { said.textContent = '' }
	source.onerror = () => { said.textContent = 'no connection' }
	source.addEventListener('state', e => {
		// Who marks something is not to lose it.
		if (getSelection().isCollapsed) replace(e.data)
	})
	source.addEventListener('steps', e => {
		document.getElementById('none').hidden = true
		steps.insertAdjacentHTML('afterbegin', e.data)
		while (steps.rows.length > stepsMax) steps.deleteRow(-1)
	})
}

function follow() {
	if (source) source.close()
	source = null
	// A page that nobody sees costs the program nothing.
	if (live.checked && !document.hidden) begin()
}

live.addEventListener('change', follow)
document.addEventListener('visibilitychange', follow)
document.getElementById('control').hidden = false
follow()
