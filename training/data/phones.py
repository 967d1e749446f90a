"""The common phone set (ARPAbet, lower case) and how each speaker's names map onto it."""

VOWELS = frozenset("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())
CONSONANTS = frozenset("b ch d dh f g hh jh k l m n ng p r s sh t th v w y z zh".split())
PAUSE = "pau"
PHONES = tuple(sorted(VOWELS | CONSONANTS)) + (PAUSE,)
BILABIAL = frozenset("pbm")
LABIODENTAL = frozenset("fv")

FLITE = {**{p: (p,) for p in PHONES}, "ix": ("ih",), "dx": ("d",), "el": ("ax", "l"),
         "em": ("ax", "m"), "en": ("ax", "n"), "nx": ("n",), "axr": ("er",), "ssil": (PAUSE,),
         "sil": (PAUSE,), "h#": (PAUSE,), "hv": ("hh",), "brth": (PAUSE,)}  # fmt: skip

_ESPEAK = """
p=p b=b t=t d=d k=k g=g tS=ch dZ=jh f=f v=v T=th D=dh s=s z=z S=sh Z=zh h=hh m=m n=n N=ng l=l
l/=l r=r R=r r-=r j=y w=w w#=w t#=t t2=d ?=pau _=pau _:=pau _!=pau x=hh C=hh n-=ax,n m-=ax,m
@L=ax,l @l=ax,l l#=l z#=z d#=d k#=k ;=y |=pau _^_=pau N#=ng x2=hh **=d *=d l^=l t^=t a=ae aa=ae
a#=ax a2=ax aI=ay aU=aw aI@=ay,ax aI3=ay,er aU@=aw,ax A:=aa A@=aa,r A#=aa A~=aa 0=aa 0#=ax 02=ah
V=ah VR=ah,r E=eh E#=ih E2=eh e=eh e@=eh,r eI=ey e:=ey I=ih I#=ih I2=ih I3=ih IR=er i=iy i:=iy
i@=ih,ax i@3=ih,er i#=iy O=ao O:=ao O@=ao,r o@=ao,r OI=oy oU=ow o:=ow o=ow oU#=ow O2=ao o#=ow
U=uh u:=uw u=uw U@=uh,r u#=uw y:=uw @=ax @2=ax @5=ax 3=er 3:=er @U=ow @-=ax @#=ax @r=er I@=ih,ax
ju:=y,uw e@r=eh,r 3~=er aI#=ay O@r=ao,r A~:=aa i@r=ih,r OI3=oy,er aU3=aw,er ju=y,uw eI@=ey,ax
@3=er aI2=ay t[=t U@3=uh,er u:@=uw,ax
"""
ESPEAK = {
    name: tuple(ours.split(",")) for name, ours in (pair.rsplit("=", 1) for pair in _ESPEAK.split())
}
