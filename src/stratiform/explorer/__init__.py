"""The live explorer: a page in the browser on which one sees and steers every level of a run.

view      what one picture is made of: a value, strict to and from JSON
picture   a view to its image, by the library's own picks
attached  a run that is open here, and its weights, read again when they change
codes     where the data lie on the pads
pace      of how many images, so that nobody waits long
score     what the model says of one image
painting  images that grow row by row, and completions
script    a view as a Python script that makes the same picture
limits    what is refused before anybody looks at it
api       the routes
app       all together
"""
