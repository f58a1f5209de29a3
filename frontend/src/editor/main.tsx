import '../css/editor.css'
